package forward

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// ParseDockerProxy returns what a docker-proxy forwards, or nil for any other program.
// See cmd/docker-proxy/main_linux.go of Moby; its flags are those of Go's package
// flag: one dash or two, the value behind it or behind an equals sign.
func ParseDockerProxy(exe string, argv []string) *model.PortForward {
	if path.Base(exe) != string(model.ForwarderDockerProxy) || len(argv) == 0 {
		return nil
	}
	flags := map[string]string{"proto": "tcp"}
	for i := 1; i < len(argv); i++ {
		name, ok := strings.CutPrefix(argv[i], "-")
		name = strings.TrimPrefix(name, "-")
		key, value, hasValue := strings.Cut(name, "=")
		switch key {
		case "proto", "host-ip", "host-port", "container-ip", "container-port":
		default:
			continue
		}
		if ok && !hasValue && i+1 < len(argv) {
			i++
			value = argv[i]
		}
		flags[key] = value
	}
	protocol := model.Protocol(flags["proto"])
	from, okFrom := parseEnd(flags["host-ip"], flags["host-port"])
	to, okTo := parseEnd(flags["container-ip"], flags["container-port"])
	if known := protocol == model.TCP || protocol == model.UDP; !known || !okFrom || !okTo {
		return nil
	}
	return &model.PortForward{Protocol: protocol, Host: from, Target: to, Via: model.ForwarderDockerProxy}
}

func parseEnd(address, port string) (netip.AddrPort, bool) {
	if len(address) > 64 {
		return netip.AddrPort{}, false
	}
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return netip.AddrPort{}, false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(parsed.Unmap().WithZone(""), uint16(number)), err == nil && number > 0
}
