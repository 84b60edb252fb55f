"""A page that shows looks live in a browser: decoded, blended, tried on a photo."""
