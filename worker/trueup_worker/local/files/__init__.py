"""Files of the data folder: private ones, written whole or not at all, and logs."""
