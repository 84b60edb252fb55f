"""Looks in the browser: one HTML file that decodes, blends and applies them."""
