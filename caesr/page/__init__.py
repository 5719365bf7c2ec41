"""The page: app.py puts its parts together."""
