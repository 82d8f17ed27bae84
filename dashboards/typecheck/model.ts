// A dashboard as it stands in a file, made of Grafana's types of its model.
// `grafana` is grafana9.ts or grafana13.ts, see check.
import type { ColorMode, Custom, Options, schema, SpecialValueMap, Variable } from 'grafana';

// Json is a type as it is written: an enum as its text, and without what
// Grafana fills in when it loads.
type Json<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends (infer U)[]
        ? Json<U>[]
        : { [K in keyof T]?: Json<T[K]> };

type Source = { type: 'prometheus' | 'grafana'; uid: string };

// A file has null where the value is -Infinity.
interface Thresholds {
  mode: `${schema.ThresholdsMode}`;
  steps: { color: string; value: number | null }[];
}

type Color = { mode: `${ColorMode}`; fixedColor?: string; seriesBy?: 'min' | 'max' | 'last' };
type Mapping = Json<Exclude<schema.ValueMapping, { type: schema.MappingType.SpecialValue }> | SpecialValueMap>;

type Defaults<C> = Omit<Json<schema.FieldConfig>, 'custom' | 'color' | 'thresholds' | 'mappings'> & {
  unit: string;
  custom?: Json<C>;
  color?: Color;
  thresholds?: Thresholds;
  mappings?: Mapping[];
};

type Property<C> =
  | { id: 'color'; value: Color }
  | { id: 'decimals'; value: number }
  | { id: 'links'; value: { title: string; url: string }[] }
  | { id: 'mappings'; value: Mapping[] }
  | { id: 'thresholds'; value: Thresholds }
  | { id: 'unit'; value: string }
  | { [K in keyof C & string]: { id: `custom.${K}`; value: Json<C[K]> } }[keyof C & string];

type Query = {
  refId: string;
  datasource: Source;
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  format?: 'table' | 'time_series';
};

type Names<T> = { [name: string]: T };
type Transformation =
  | { id: 'merge'; options: {} }
  | { id: 'organize'; options: { excludeByName: Names<boolean>; indexByName: Names<number>; renameByName: Names<string> } };

type Kind = keyof Options & keyof Custom;
type PanelOf<K extends Kind> = Omit<Json<schema.Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | 'transformations' | 'datasource'> & {
  id: number;
  type: K;
  datasource?: Source;
  targets?: Query[];
  transformations?: Transformation[];
  options: Json<Options[K]>;
  fieldConfig?: {
    defaults: Defaults<Custom[K]>;
    overrides: { matcher: { id: 'byName' | 'byRegexp' | 'byFrameRefID'; options: string }; properties: Property<Custom[K]>[] }[];
  };
};
type Row = Omit<Json<schema.RowPanel>, 'type' | 'panels'> & { type: 'row'; panels: never[] };

// expr and what follows are Prometheus' own.
type Annotation = Omit<Json<schema.AnnotationQuery>, 'datasource'> & {
  datasource: Source;
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
};

export type Dashboard = Omit<Json<schema.Dashboard>, 'annotations' | 'panels' | 'templating'> & {
  uid: string;
  annotations: { list: Annotation[] };
  templating: { list: (Omit<Json<Variable>, 'query' | 'datasource'> & { query: string | object; datasource?: Source; definition?: string })[] };
  panels: (Row | { [K in Kind]: PanelOf<K> }[Kind])[];
};
