"""Parts of the page that app.py puts together."""
