"""What is imported: by producers, and by every process of Trueup."""
