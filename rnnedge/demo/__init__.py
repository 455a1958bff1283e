"""The demonstration: train on recorded speech, export every form, verify, stream, measure, and draw the page."""
