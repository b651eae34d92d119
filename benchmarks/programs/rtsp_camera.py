"""An RTSP camera that plays a file at its own pace; run by the Python that has GStreamer's `gi`.

    rtsp_camera.py PORT CLIP.mp4

/camera plays the clip, H.264, from its start to whoever asks.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
port, clip = sys.argv[1:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
camera = GstRtspServer.RTSPMediaFactory()
camera.set_launch(
    f"( filesrc location={clip} ! qtdemux ! h264parse "
    "! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
server.get_mount_points().add_factory("/camera", camera)
assert server.attach(None)
sys.stdout.write("ready\n")
sys.stdout.flush()
GLib.MainLoop().run()
