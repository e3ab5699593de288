"""What a sampling job leaves on disk."""
