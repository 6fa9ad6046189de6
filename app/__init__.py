"""The application: all that a browser or a client can see."""
