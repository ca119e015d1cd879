"""From a finished model to the emotion of a new recording."""
