"""Reports: pages, plots and pictures of what was fitted."""
