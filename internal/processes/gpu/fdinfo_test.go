package gpu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What drivers write, in the form of Documentation/gpu/drm-usage-stats.rst and of
// i915_drm_client.c, amdgpu_fdinfo.c, xe_drm_client.c, panfrost_drv.c and msm_drv.c.
const (
	infoI915 = "pos:\t0\nflags:\t0100002\nmnt_id:\t26\nino:\t501\ndrm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\n" +
		"drm-total-system0:\t5 MiB\ndrm-engine-render:\t9288864723 ns\ndrm-engine-copy:\t2035071108 ns\ndrm-engine-video:\t0 ns\n" +
		"drm-engine-capacity-video:\t2\ndrm-engine-video-enhance:\t0 ns\ndrm-engine-compute:\t4000000000 ns\n"
	infoAMD = "pos:\t0\nflags:\t02100002\npasid:\t32771\ndrm-driver:\tamdgpu\ndrm-pdev:\t0000:0b:00.0\ndrm-client-id:\t41\n" +
		"drm-memory-vram:\t1048 KiB\namd-memory-visible-vram:\t512 KiB\ndrm-engine-gfx:\t1500000000 ns\ndrm-engine-compute:\t250000000 ns\n" +
		"drm-engine-dec:\t1000000000 ns\ndrm-engine-dec:\t2000000000 ns\n"
	infoXe = "drm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:03:00.0\ndrm-total-gtt:\t192 KiB\ndrm-cycles-rcs:\t500\ndrm-total-cycles-rcs:\t10000\n" +
		"drm-cycles-ccs:\t0\ndrm-total-cycles-ccs:\t10000\ndrm-engine-capacity-ccs:\t4\n"
	infoPanfrost = "drm-driver:\tpanfrost\ndrm-client-id:\t9\ndrm-engine-fragment:\t1846584880 ns\ndrm-cycles-fragment:\t1424359409\n" +
		"drm-maxfreq-fragment:\t799999987 Hz\ndrm-curfreq-fragment:\t799999987 Hz\ndrm-engine-vertex-tiler:\t71932239 ns\n"
	infoMSM  = "drm-driver:\tmsm\ndrm-client-id:\t5\ndrm-pdev:\t\ndrm-engine-gpu:\t77 ns\ndrm-cycles-gpu:\t12\ndrm-maxfreq-gpu:\t800000000 Hz\n"
	infoFile = "pos:\t0\nflags:\t0100002\nmnt_id:\t26\nino:\t685\n"
)

func TestDrivers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content string
		want    usage
	}{
		"i915": {infoI915, usage{clientKey{"i915", "0000:00:02.0", "7"}, map[string]engine{
			"render": {nanoseconds: 9_288_864_723, timed: true}, "copy": {nanoseconds: 2_035_071_108, timed: true},
			"video": {timed: true, capacity: 2}, "video-enhance": {timed: true}, "compute": {nanoseconds: 4e9, timed: true},
		}}},
		"amdgpu": {infoAMD, usage{clientKey{"amdgpu", "0000:0b:00.0", "41"}, map[string]engine{
			"gfx": {nanoseconds: 15e8, timed: true}, "compute": {nanoseconds: 25e7, timed: true}, "dec": {nanoseconds: 3e9, timed: true},
		}}},
		"xe": {infoXe, usage{clientKey{"xe", "0000:03:00.0", "3"}, map[string]engine{
			"rcs": {cycles: 500, total: 10000, hasTotal: true}, "ccs": {total: 10000, hasTotal: true, capacity: 4},
		}}},
		"panfrost": {infoPanfrost, usage{clientKey{"panfrost", "", "9"}, map[string]engine{
			"fragment": {nanoseconds: 1_846_584_880, timed: true, cycles: 1_424_359_409}, "vertex-tiler": {nanoseconds: 71_932_239, timed: true},
		}}},
		"msm": {infoMSM, usage{clientKey{"msm", "", "5"}, map[string]engine{"gpu": {nanoseconds: 77, timed: true, cycles: 12}}}},
	} {
		got, ok := parseInfo([]byte(test.content))
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(usage{}, clientKey{}, engine{})); !ok || diff != "" {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
	}
}

func TestHostileInfo(t *testing.T) {
	t.Parallel()
	const head = "drm-driver: x\ndrm-client-id: 1\n"
	for name, content := range map[string]string{
		"no DRM file": infoFile, "nothing": "", "no client": "drm-driver:\tx\ndrm-engine-a:\t1 ns\n", "no driver": "drm-client-id:\t1\n",
		"negative client": "drm-driver: x\ndrm-client-id: -1\n", "huge client": "drm-driver: x\ndrm-client-id: " + strings.Repeat("9", 30),
	} {
		if _, ok := parseInfo([]byte(content)); ok {
			t.Errorf("%s is taken for a client", name)
		}
	}
	for name, content := range map[string]string{
		"negative": "drm-engine-a: -5 ns\n", "huge": "drm-engine-a: 18446744073709551615 ns\n", "larger": "drm-engine-a: 184467440737095516160 ns\n",
		"another unit": "drm-engine-a: 5 s\n", "no unit": "drm-engine-a: 5\n", "no name": "drm-engine-: 5 ns\n", "no number": "drm-engine-a: ns\n",
		"a long line": "drm-engine-" + strings.Repeat("a", 4096) + ": 5 ns\n", "a long name": "drm-engine-" + strings.Repeat("a", 100) + ": 5 ns\n",
		"behind the end": strings.Repeat("x", maxInfoBytes) + "\ndrm-engine-a: 5 ns\n", "no line": "drm-engine-a 5 ns",
		"bytes": "drm-engine-a:\x00\xff ns\n\xff\xfe:\n:::\n",
	} {
		got, ok := parseInfo([]byte(head + content))
		if !ok || len(got.engines) > 0 {
			t.Errorf("%s: %v, %v", name, ok, got.engines)
		}
	}
	var many strings.Builder
	many.WriteString(head)
	for range 1000 {
		many.WriteString("drm-engine-" + strings.Repeat("b", many.Len()%50+1) + ": 4611686018427387904 ns\n")
	}
	got, ok := parseInfo([]byte(many.String()))
	if !ok || len(got.engines) > maxEngines {
		t.Errorf("%v, %d engines", ok, len(got.engines))
	}
	for name, engine := range got.engines {
		if engine.nanoseconds > 1<<62 {
			t.Errorf("%s: the sum of doubled lines is %d", name, engine.nanoseconds)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	for _, seed := range []string{infoI915, infoAMD, infoXe, infoPanfrost, infoMSM, infoFile, ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got, ok := parseInfo(content)
		if len(got.engines) > maxEngines || ok && (got.key.driver == "" || got.key.id == "") {
			t.Errorf("%+v", got)
		}
		for name := range got.engines {
			if name == "" || len(name) > maxEngine {
				t.Errorf("engine %q", name)
			}
		}
	})
}
