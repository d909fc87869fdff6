"""Files of requests: JSON Lines and CSV become the rows that are sent."""
