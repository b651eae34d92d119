"""Detection with PyTorch, on a graphics card: the same models, families and answers as on OpenVINO.

`pictures` makes a batch of network pictures from planes, `graph` runs a network, `boxes` picks and
suppresses, `detector` is the whole. Nothing here asks for a card: on the processor (`torch-cpu`) it
is the same code, which is how it is tested.
"""
