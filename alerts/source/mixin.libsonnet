// The alert rules and dashboards as a mixin, for those who deploy with jsonnet:
//
//   local cryptojack = import 'cryptojack_exporter/mixin.libsonnet';
//   { 'cryptojack.json': std.manifestJson(cryptojack.prometheusAlerts) }
//
// It takes go-jsonnet, the one of tk and jb: jsonnet 0.18 of Debian 12 cannot read YAML with
// expressions of several lines. It reads the files beside it. `cryptojack_exporter assets DIR` writes it too, with the
// files that it reads: use that one for another job, cluster label, runbook address or
// other severities.
{
  local files = {
    rules: std.parseYaml(importstr 'alerts/cryptojack.rules.yml'),
  },

  // Rules that record are in the groups of the alerts that use them, for a group is
  // evaluated in order.
  prometheusAlerts+:: { groups: files.rules.groups },
  prometheusRules+:: { groups: [] },

  grafanaDashboards+:: {
    'cryptojack-fleet.json': import 'dashboards/cryptojack-fleet.json',
    'cryptojack-host.json': import 'dashboards/cryptojack-host.json',
    'cryptojack-suspect.json': import 'dashboards/cryptojack-suspect.json',
  },
}
