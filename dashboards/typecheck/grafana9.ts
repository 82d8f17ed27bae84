// What differs between versions, in Grafana 9. Its package has no types of
// panels, but the parts that they are made of; and three of its types are
// narrower than what Grafana 9 itself writes.
import type * as s from 'grafana-schema-9';

export type * as schema from 'grafana-schema-9';

// All continuous schemes exist since Grafana 8.
export type ColorMode = s.FieldColorModeId | 'continuous-BlPu';

export interface SpecialValueMap {
  type: s.MappingType.SpecialValue;
  options: { match: s.SpecialValueMatch; result: s.ValueMappingResult };
}

export interface Variable extends s.VariableModel {
  allValue: string;
  current: object;
  includeAll: boolean;
  multi: boolean;
  options: unknown[];
  refresh: number;
  regex: string;
  sort: number;
}

type Lines = s.OptionsWithLegend & s.OptionsWithTooltip & s.OptionsWithTimezones;
type Blocks = s.HideableFieldConfig & { fillOpacity: number; lineWidth: number };

export interface Options {
  stat: s.SingleStatBaseOptions & {
    colorMode: s.BigValueColorMode;
    graphMode: s.BigValueGraphMode;
    justifyMode: s.BigValueJustifyMode;
    textMode: s.BigValueTextMode;
  };
  table: { showHeader: boolean; cellHeight: s.TableCellHeight; sortBy: s.TableSortByFieldState[] };
  text: { mode: 'markdown' | 'html' | 'code'; content: string };
  timeseries: Lines;
  'state-timeline': Lines & {
    alignValue: s.TimelineValueAlignment;
    mergeValues: boolean;
    rowHeight: number;
    showValue: s.VisibilityMode;
  };
  'status-history': Lines & { colWidth: number; rowHeight: number; showValue: s.VisibilityMode };
}

export interface Custom {
  stat: {};
  table: s.TableFieldOptions;
  text: {};
  timeseries: s.GraphFieldConfig;
  'state-timeline': Blocks;
  'status-history': Blocks;
}
