"""Widgets: state and events."""
