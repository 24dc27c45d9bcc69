"""Stands in for Colab's own module where `python start.py test-colab` runs the course."""
