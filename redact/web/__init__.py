"""Pages for people, served to this computer alone: draw the property, review what was made.

`guard.py` keeps everyone else out, `serving.py` opens the door; nothing here is imported unless
a page is asked for.
"""
