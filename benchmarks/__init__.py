"""Timings of the twins against loops written by hand, and against Keras and Lightning."""
