"""What is said with everything that a model says."""

NOTE = "Research software, not a medical device."
