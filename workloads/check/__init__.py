"""What `benchctl check` runs: control.py leads, everything of the user's happens in children (child.py)."""
