"""An RTSP server for tests, run by Debian's Python: a camera, and a place to record to.

    rtsp_server.py PORT WIDTH HEIGHT FPS RECORDING.ts

/camera: fine chequers all over, which no hiding leaves. /sound: the same with a tone in G.711.
/record, /record-sound: take ANNOUNCE and RECORD.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
port, width, height, fps, recording = sys.argv[1:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
mounts = server.get_mount_points()

pictures = (
    f"videotestsrc is-live=true pattern=checkers-8 "
    f"! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 "
    f"! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} "
    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1"
)
tone = (
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1"
)
for path, launch in (("/camera", f"( {pictures} )"), ("/sound", f"( {pictures} {tone} )")):
    camera = GstRtspServer.RTSPMediaFactory()
    camera.set_launch(launch)
    # Two clients that come at once to one shared pipeline make this server abort now and then
    # (`gst_rtsp_media_get_rates: assertion failed`, gst-rtsp-server 1.22).
    camera.set_shared(False)
    mounts.add_factory(path, camera)

file = f"mpegtsmux name=mux ! filesink sync=false location={recording}"
ways = {
    "/record": "rtph264depay name=depay0 ! h264parse ! mux.",
    "/record-sound": "rtph264depay name=depay0 ! h264parse ! mux. "
    "rtpmp4gdepay name=depay1 ! aacparse ! mux.",
}
for path, way in ways.items():
    record = GstRtspServer.RTSPMediaFactory()
    record.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    record.set_launch(f"( {way} {file} )")
    record.set_latency(200)
    record.set_eos_shutdown(True)
    mounts.add_factory(path, record)

assert server.attach(None)
sys.stdout.write("ready\n")
sys.stdout.flush()
GLib.MainLoop().run()
