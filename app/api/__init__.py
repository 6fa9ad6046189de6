"""HTTP: one router a file, and nothing but HTTP in them."""
