"""Doors: one protocol per folder. They translate, never decide, and do not know each other."""
