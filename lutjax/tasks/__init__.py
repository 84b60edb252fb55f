"""What is fitted to what: tasks turn users' files into jobs, and score them."""
