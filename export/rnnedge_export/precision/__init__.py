"""Narrower numbers for weights and activations."""
