"""Reusable components: what AWS is made of. None of them performs I/O or knows the application."""
