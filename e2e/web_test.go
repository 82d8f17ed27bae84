package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"
)

// passwordHash is bcrypt at its lowest cost, of the word "correct".
const passwordHash = "$2a$04$ImmCJkNbTt7HmhHzU3Dvb.K00mvc3b621c0XQqHvQSSNL6ojGBCk6"

// TestWebConfig serves with TLS and a password through --web.config.file.
func TestWebConfig(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	certificate, key, pool := selfSigned(t)
	config := writeFile(t, directory, "web.yml", fmt.Sprintf(`
tls_server_config:
  cert_file: %s
  key_file: %s
basic_auth_users:
  prometheus: %s
`, writeFile(t, directory, "cert.pem", certificate), writeFile(t, directory, "key.pem", key), passwordHash))

	address := freeAddress(t)
	server := startProcess(t, nil, program(t, "cryptojack_exporter"),
		"--web.listen-address="+address, "--web.config.file="+config)
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}
	eventually(t, 30*time.Second, "the exporter answers", func() error {
		if err := server.Ended(); err != nil {
			t.Fatal(err)
		}
		response, err := client.Get("https://" + address + "/metrics")
		if err == nil {
			response.Body.Close()
		}
		return err
	})

	for _, path := range []string{"/", "/metrics", "/api/v1/findings", "/-/healthy"} {
		for _, user := range []struct {
			name, password string
			status         int
		}{
			{"", "", http.StatusUnauthorized},
			{"prometheus", "wrong", http.StatusUnauthorized},
			{"prometheus", "correct", http.StatusOK},
		} {
			request, err := http.NewRequest(http.MethodGet, "https://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if user.name != "" {
				request.SetBasicAuth(user.name, user.password)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != user.status {
				t.Errorf("GET %s as %q with %q: %s, want %d", path, user.name, user.password, response.Status, user.status)
			}
		}
	}

	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return // refused: as good
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Error("/metrics is served without TLS")
	}
}

// selfSigned makes a certificate for 127.0.0.1 that is good for an hour.
func selfSigned(t *testing.T) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "cryptojack_exporter test"},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encodedKey, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encodedKey})), pool
}
