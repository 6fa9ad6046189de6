"""Who may do what: logins, keys of programs, and how much each may ask for.

Requests meet it in app.api.middleware; it knows nothing of HTTP routes.
"""
