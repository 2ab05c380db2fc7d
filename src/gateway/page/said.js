/** What a message says, in words: a text for each type, of what its payload holds. */

const list = (value) => (Array.isArray(value) ? value.join(', ') : '');
const text = (value) => (typeof value === 'string' ? value : value === undefined || value === null ? '' :
  JSON.stringify(value));
const clause = (before, value) => (text(value) ? `${before}${text(value)}` : '');
const short = (id) => text(id).slice(0, 8);
const percent = (value) => (typeof value === 'number' ? `${Math.round(value * 100)} %` : '');

const claimsModule = (body) => body?.commitment_id && body.parameters === undefined && text(body.source);

const SAID = {
  chat: (p) => text(p.text),
  hello: (p) => `joined${clause(', for ', p.specialization)}${clause('; can ', list(p.capabilities))}`,
  presence: (p) => `${text(p.ai_id)} left${clause(': ', p.reason)}`,
  pattern_share: (p) => `shared the pattern ${text(p.pattern?.id)}${clause(' of ', p.pattern?.subject)}` +
    (claimsModule(p.pattern) ? ', a module' : ''),
  code_share: (p) => `shared code: ${text(p.code?.name ?? p.code?.id)}${clause(', ', p.code?.language)}`,
  os_component_share: (p) => `${p.collaboration_complete ? 'completed a session with' : 'shared'} the component ` +
    `${text(p.component?.name)}${clause(': ', p.component?.title)}`,
  performance_report: (p) => `reported on ${text(p.component_id)}${clause(': score ', p.performance?.score)}` +
    clause(', ratio ', p.performance?.ratio),
  feature_request: (p) => `asks who can make ${text(p.feature)}`,
  feature_response: (p) => `may answer ${text(p.original_request?.feature)} for ${text(p.requestor)}`,
  verification: (p) => `${text(p.id)} of ${text(p.author)} is ${text(p.status)}` +
    ` (${text(p.agreeing)} agree, ${text(p.disagreeing)} do not)`,
  collaboration_request: (p) => `offers a session${clause(', ', p.type)}${clause(': ', p.description)}`,
  collaboration_response: (p) => `${p.accepted ? 'takes part' : 'declines'}${clause(': ', p.reason)}`,
  collaboration_update: (p) => `session ${short(p.session_id)} ${text(p.status) || 'goes on'}` +
    `${clause(', ', percent(p.progress))}${clause(', by ', p.by)}${clause(': ', p.note ?? p.reason)}`,
  workspace_update: (p) => `wrote ${text(p.key)}${clause(', version ', p.version)}, in session ${short(p.session_id)}`,
  artifact: (p) => `file ${text(p.name)} is ${text(p.status)}${clause(', by ', p.by)}`,
  lease: (p) => `${text(p.key)} ${p.status === 'granted' ? 'is held by' : `${text(p.status)} by`} ${text(p.holder)}` +
    clause(': ', p.intent),
  path_warning: (p) => `${text(p.who?.ai_id)} works on ${text(p.who?.path)}, and so does ` +
    `${list(p.with?.map?.((each) => each?.ai_id))}`,
  task: (p) => `task ${text(p.id)} ${text(p.change)}${clause(' by ', p.by)}: ${text(p.title)}` +
    clause(' (', p.why && `${text(p.why)})`),
  approval: (p) => (p.status === 'pending' ? `${text(p.asker)} asks: ${text(p.question)}` :
    `${text(p.status).replace('_', ' ')}${clause(': ', p.choice)}${clause(', by ', p.by)}: ${text(p.question)}`),
  moderation: (p) => `${text(p.action)} ${text(p.target?.ai_id ?? p.target?.owner ?? p.target?.id ?? p.target?.seq)}` +
    `${clause(' by ', p.by)}${clause(': ', p.reason)}`,
};

/** A message's text. What its type does not say in words is its payload. */
export function said({ type, payload }) {
  let found = '';
  try {
    found = SAID[type]?.(payload) ?? '';
  } catch { // a payload of another shape
  }
  return found || JSON.stringify(payload);
}

/** The types by what they are about. */
export const KINDS = [
  ['Talk', ['chat']],
  ['Questions', ['approval']],
  ['Tasks and leases', ['task', 'lease', 'path_warning']],
  ['Sessions', ['collaboration_request', 'collaboration_response', 'collaboration_update', 'workspace_update',
    'artifact']],
  ['Knowledge', ['pattern_share', 'code_share', 'os_component_share', 'performance_report', 'verification',
    'feature_request', 'feature_response']],
  ['Coming and going', ['hello', 'presence']],
  ['Keeping order', ['moderation']],
];
