package e2e

import "testing"

// recordCameras notes the camera tracks that the page was given.
const recordCameras = `
	window.cameras = [];
	const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	navigator.mediaDevices.getUserMedia = async (wanted) => {
		const stream = await real(wanted);
		cameras.push(...stream.getVideoTracks());
		return stream;
	};
`

// TestCameraOffBefore joins a person whose camera is off. The newcomer must hear them at once, and see them when the camera is
// switched on. A video element of Chromium that has a video track plays no sound before the first picture.
func TestCameraOffBefore(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	for _, kind := range []string{"chromium", "firefox"} {
		t.Run(kind, func(t *testing.T) {
			bo := open(t, sharedBrowser(t, "chromium", "b"), s, "camera-off", nil, recordCameras)
			bo.join()
			bo.awaitScreen("waiting")
			bo.click("camera")
			// Until the camera is released, its track brings black pictures.
			bo.until(`cameras.length > 0 && cameras.every(({readyState}) => readyState === "ended")`)
			ann := openAt(t, side{kind, "a"}, s, "camera-off", nil)
			ann.join()
			ann.awaitScreen("call")
			ann.until("!callbox.state.remote.video")
			ann.until(`callbox.pc.getStats().then((stats) => [...stats.values()].some(
				({type, kind, totalAudioEnergy}) => type === "inbound-rtp" && kind === "audio" && totalAudioEnergy > 0))`)
			bo.click("camera")
			seeEachOther(t, ann, bo)
			leaveAll(t, s, ann, bo)
			ann.checkFaults(s)
			bo.checkFaults(s)
		})
	}
}
