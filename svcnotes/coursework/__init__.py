"""Coursework: answers read from notebooks as data, marks with their reasons, reports for both sides.

Nothing here runs what a student wrote: a notebook is read as JSON, an answer is a text, and a text is judged
by the exercise that it answers, which traces it.
"""
