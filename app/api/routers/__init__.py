"""The routes of the page: one router a file, HTTP only."""
