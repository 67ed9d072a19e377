package mediafile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"callbox/peer/ivf"
	"callbox/peer/mediafile"
	"callbox/peer/pattern"
)

// writeVideo writes ten frames of the test picture.
func writeVideo(name string) error {
	const frame = 50 * time.Millisecond
	size := pattern.Size{Width: 256, Height: 128}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	w, err := ivf.NewWriter(out, ivf.Header{Codec: ivf.VP8, Width: size.Width, Height: size.Height})
	for i := range 10 {
		data := pattern.AppendFrame(nil, size, pattern.Stamp{Number: uint32(i), Clock: time.Now()})
		err = errors.Join(err, w.Write(ivf.Frame{Data: data, Time: time.Duration(i) * frame}))
	}
	return errors.Join(err, out.Close())
}

// What a file has is sent as it is, at the pace of its times.
func ExampleVideo() {
	dir, err := os.MkdirTemp("", "callbox-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the system for temporary files
	name := filepath.Join(dir, "film.ivf")
	if err := writeVideo(name); err != nil {
		fmt.Println(err)
		return
	}

	source, err := mediafile.Video(name, mediafile.Options{}) // for peer.Config.Video
	if err != nil {
		fmt.Println(err)
		return
	}
	codec := source.Codecs()[0]
	sample, err := source.Next(context.Background(), codec)
	fmt.Println(codec, sample.Duration, err)
	// Output: video/VP8 50ms <nil>
}
