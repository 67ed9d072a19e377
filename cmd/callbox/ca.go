package main

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"callbox/cert"
	"callbox/frontend"
	"callbox/internal/netaddr"
)

const (
	// caPath is the page for the certificate of the local authority, and caFilePath
	// the certificate.
	caPath     = "/ca"
	caFilePath = "/ca.crt"
)

// caFingerprint returns the SHA-256 fingerprint of an authority's certificate, in the
// form in which devices show it.
func caFingerprint(local *cert.Local) string {
	block, _ := pem.Decode(local.CAPEM())
	if block == nil {
		return ""
	}
	sum := sha256.Sum256(block.Bytes)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// serveCA serves the certificate of the local authority, and its page, over HTTPS or to
// this machine only. Over plain HTTP an attacker could replace the certificate by their
// own, and then pose as any website to the device that installs it.
func (s *server) serveCA(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.TLS == nil && !isLocalRequest(r):
		writePage(w, http.StatusForbidden, refusedCAPage(s.secureURL(r)))
	case r.URL.Path == caPath:
		writePage(w, http.StatusOK, caPage(caFingerprint(s.certificates.local)))
	default:
		header := w.Header()
		header.Set("Content-Type", "application/x-x509-ca-cert") // makes a phone offer to install it
		header.Set("Content-Disposition", `attachment; filename="callbox-ca.crt"`)
		header.Set("Cache-Control", "no-store")
		_, _ = w.Write(s.certificates.local.CAPEM()) // the client is gone when this fails
	}
}

// isLocalRequest reports whether a request comes from this machine, as far as that
// can be determined. A request through a proxy on this machine does not. Some proxies,
// such as nginx by default, are recognised only by HTTP/1.0.
func isLocalRequest(r *http.Request) bool {
	host := hostOf(r.Host)
	addr, err := netip.ParseAddr(host)
	toLoopback := host == "localhost" || err == nil && addr.Unmap().IsLoopback()
	throughProxy := forwardedHeader(r.Header) != "" || r.Header.Get("Via") != "" || !r.ProtoAtLeast(1, 1)
	return toLoopback && peerAddr(r).IsLoopback() && !throughProxy
}

// secureURL returns the HTTPS URL of the page at the address at which r arrived; "" if
// HTTPS is off.
func (s *server) secureURL(r *http.Request) string {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || s.listeners.https == nil {
		return ""
	}
	port := strconv.Itoa(int(netaddr.AddrPort(s.listeners.https.Addr()).Port()))
	return "https://" + net.JoinHostPort(netaddr.AddrPort(local).Addr().String(), port) + s.config.basePath + caPath[1:]
}

func caPage(fingerprint string) frontend.PlainPage {
	// It may be broken after each byte: as one long word it makes phones shrink the whole page.
	shown := "<p><code>" + strings.ReplaceAll(html.EscapeString(fingerprint), ":", ":<wbr>") + "</code></p>"
	return frontend.PlainPage{
		Title: "The certificate authority of this callbox", ChineseTitle: "此 callbox 的证书颁发机构",
		Body: "<p>The computer that runs callbox signed its certificate itself, so devices show a warning. Once you have installed this certificate authority on a device, the warning disappears. " +
			"The authority can vouch for this network, but not for websites.</p>" +
			"<ol><li>Compare this fingerprint (SHA-256) with the one that callbox printed when it started:" + shown +
			"If they differ, someone is intercepting the connection: do not install anything.</li>" +
			`<li><a href="ca.crt" download>Download the certificate</a>.</li>` +
			"<li>Install it as a trusted certificate authority in the settings of the device. The device shows the fingerprint again.</li></ol>",
		ChineseBody: "<p>运行 callbox 的电脑自行签发了证书，因此设备会显示警告。在设备上安装此证书颁发机构（CA）后，警告就会消失。该 CA 只能为本地网络作证，不能为公网网站作证。</p>" +
			"<ol><li>请将此指纹（SHA-256）与 callbox 启动时显示的指纹核对：" + shown + "如果两者不同，说明有人在拦截连接，请勿安装任何内容。</li>" +
			`<li><a href="ca.crt" download>下载证书</a>。</li>` +
			"<li>在设备的设置中将其安装为受信任的 CA。设备会再次显示指纹。</li></ol>",
	}
}

// refusedCAPage says that the certificate is not served here, with a link to url if it
// is not empty.
func refusedCAPage(url string) frontend.PlainPage {
	page := frontend.PlainPage{
		Title: "Download over HTTPS only", ChineseTitle: "只能通过 HTTPS 下载",
		Body: "<p>The certificate of this authority is available only over HTTPS, or on the computer that runs callbox: " +
			"over plain HTTP, anyone between you and the server could replace it.</p>",
		ChineseBody: "<p>该证书颁发机构（CA）的证书只能通过 HTTPS 获取，或在运行 callbox 的电脑上获取：经明文 HTTP 传输时，中途任何人都可以将其替换。</p>",
	}
	if url == "" {
		return page
	}
	link := `<a href="` + html.EscapeString(url) + `">` + html.EscapeString(url) + "</a>"
	page.Body += "<p>Open " + link + ", and compare the fingerprint shown there with the one that callbox printed when it started.</p>"
	page.ChineseBody += "<p>请打开 " + link + "，并将页面上的指纹与 callbox 启动时显示的指纹核对。</p>"
	return page
}
