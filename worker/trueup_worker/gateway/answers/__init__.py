"""Answers to calls, a module for each noun: a class for each object, with its example."""
