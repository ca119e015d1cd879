"""What runs whole searches and what follows them: preparing the data, tuning, the retrain."""
