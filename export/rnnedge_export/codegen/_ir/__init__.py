"""The program of one step as data: tensors, loops and statements, without a word of C."""
