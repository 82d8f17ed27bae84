// What differs between versions, in Grafana 13: it has types of each panel.
import type * as s from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as history from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as series from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

export type * as schema from '@grafana/schema';
export type ColorMode = s.FieldColorModeId;
export type SpecialValueMap = s.SpecialValueMap;
export type Variable = s.VariableModel;

export interface Options {
  stat: stat.Options;
  table: table.Options;
  text: text.Options;
  timeseries: series.Options;
  'state-timeline': timeline.Options;
  'status-history': history.Options;
}

export interface Custom {
  stat: {};
  table: table.FieldConfig;
  text: {};
  timeseries: series.FieldConfig;
  'state-timeline': timeline.FieldConfig;
  'status-history': history.FieldConfig;
}
