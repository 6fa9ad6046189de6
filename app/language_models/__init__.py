"""Language models of an operator's own field: trained as jobs, checked, published as versions, taken back."""

from __future__ import annotations
