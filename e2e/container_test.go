package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

// engine is a container engine that runs in a namespace of the lab. It does not
// touch the machine's own network, images or containers.
type engine struct {
	host, docker string
}

// startEngine starts dockerd, and stops it when the test ends.
func startEngine(t *testing.T, n *netlab.Namespace) *engine {
	t.Helper()
	need.Root(t)
	need.Program(t, "dockerd", "containerd", "docker", "docker-compose")
	dir := t.TempDir()
	e := &engine{host: "unix://" + filepath.Join(dir, "engine.sock"), docker: "docker"}
	// The client in the engine's own package can build with BuildKit.
	if _, err := os.Stat("/usr/bin/docker"); err == nil {
		e.docker = "/usr/bin/docker"
	}
	var log bytes.Buffer
	// Without a bridge, packet filter rules, or IP forwarding, which the lab sets.
	daemon := exec.Command("dockerd", "--iptables=false", "--bridge=none", "--ip-forward=false",
		"--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "exec"),
		"--host", e.host, "--pidfile", filepath.Join(dir, "pid"))
	daemon.Stdout, daemon.Stderr = &log, &log
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	daemon.WaitDelay = 5 * time.Second
	if err := n.Start(daemon); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = daemon.Wait()
	}()
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-daemon.Process.Pid, syscall.SIGKILL)
			t.Errorf("dockerd did not end:\n%s", tail(log.String()))
		}
		_ = syscall.Unmount(filepath.Join(dir, "exec", "netns", "default"), 0)
	})
	err := eventually(t, 30*time.Second, func() error {
		_, err := e.try(t.Context(), e.docker, "version")
		return err
	})
	if err != nil {
		need.Missing(t, "a container engine that starts: "+tail(log.String()))
	}
	return e
}

// try runs a client of the engine.
func (e *engine) try(ctx context.Context, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "DOCKER_HOST="+e.host, "DOCKER_BUILDKIT=1")
	out, err := command.CombinedOutput()
	return string(out), err
}

func (e *engine) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := e.try(t.Context(), name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(out))
	}
	return out
}

// prebuild makes the folder dist with the command of the Dockerfile's build stage.
func prebuild(t *testing.T, dockerfile string) (contextDir string) {
	t.Helper()
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .* -o )dist/callbox (\./cmd/callbox)$`).FindSubmatch(text)
	if build == nil {
		t.Fatal("the Dockerfile has no line that builds dist/callbox")
	}
	contextDir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(contextDir, "dist", "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	line := string(build[1]) + filepath.Join(contextDir, "dist", "callbox") + " " + string(build[2])
	command := exec.CommandContext(t.Context(), "sh", "-c", line)
	command.Dir = filepath.Dir(dockerfile)
	command.Env = append(os.Environ(), "VERSION=1.2.3-test")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return contextDir
}

// TestContainer builds the image and starts it with docker-compose.yml. The
// container serves, runs as an unprivileged user, and keeps its certificate
// authority over a restart.
func TestContainer(t *testing.T) {
	lab := sharedLab(t)
	e := startEngine(t, lab.Server)
	root := moduleRoot(t)
	dockerfile := filepath.Join(root, "Dockerfile")
	contextDir := prebuild(t, dockerfile)
	e.run(t, e.docker, "build", "--network", "none", "--build-arg", "BINARY=prebuilt", "-t", "callbox", "-f", dockerfile, contextDir)

	var image []struct {
		Config struct{ User string }
		RootFS struct{ Layers []string }
	}
	if err := json.Unmarshal([]byte(e.run(t, e.docker, "image", "inspect", "callbox")), &image); err != nil {
		t.Fatal(err)
	}
	if len(image) != 1 || image[0].Config.User != "65532:65532" || len(image[0].RootFS.Layers) != 2 {
		t.Errorf("the image is %+v, want two layers, binary and data, and the user 65532", image)
	}
	if v := e.run(t, e.docker, "run", "--rm", "--pull=never", "--network=none", "callbox", "--version"); !strings.Contains(v, "1.2.3-test") {
		t.Errorf("callbox --version in the image says %q", v)
	}

	compose := []string{"--project-name", "callbox-test", "--file", filepath.Join(root, "docker-compose.yml")}
	e.run(t, "docker-compose", append(compose, "up", "--detach", "--no-build")...)
	first := servedAuthority(t, lab, e, compose)
	e.run(t, "docker-compose", append(compose, "restart")...)
	if again := servedAuthority(t, lab, e, compose); again != first {
		t.Error("a restarted container has another certificate authority: its data was lost")
	}
	log := e.run(t, "docker-compose", append(compose, "logs", "--no-color")...)
	if !strings.Contains(log, `"ready":true`) {
		t.Errorf("the log lacks the ready line:\n%s", tail(log))
	}
	e.run(t, "docker-compose", append(compose, "down", "--volumes")...)
}

// servedAuthority returns the certificate of the local authority. It checks that
// HTTPS works from a client's namespace when only that authority is trusted.
func servedAuthority(t *testing.T, lab *netlab.Lab, e *engine, compose []string) string {
	t.Helper()
	fetch := func(config *tls.Config, path string) (string, error) {
		transport := &http.Transport{DialContext: lab.A.DialContext, TLSClientConfig: config}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
		response, err := client.Get("https://" + lab.ServerAddr.String() + ":8443" + path)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		return body.String(), err
	}
	var authority string
	err := eventually(t, 20*time.Second, func() (err error) {
		// Like a phone that does not trust the authority yet.
		authority, err = fetch(&tls.Config{InsecureSkipVerify: true}, "/ca.crt")
		return err
	})
	if err != nil {
		t.Fatalf("the container does not serve: %v\n%s", err, e.run(t, "docker-compose", append(compose, "logs", "--no-color")...))
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(authority))
	if page, err := fetch(&tls.Config{RootCAs: roots}, "/"); err != nil || !strings.Contains(page, "callbox") {
		t.Errorf("the page, with the authority trusted: %v, %.100q", err, page)
	}
	return authority
}
