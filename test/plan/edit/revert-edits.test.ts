// Taking edits back from a file that others have changed: what is still ours goes back, what is not is a conflict.
import { describe, expect, it } from 'vitest';
import { applyEdits, type EditKind, type EditsOfKind, revertEdits } from '../../../src/plan/edit/edit-file.js';
import { AXIS2_XML, CARBON_XML, DEPLOYMENT_YAML, FEATURES_JSON, LOG4J_PROPERTIES, SERVER_INI } from './samples.js';

function edit<K extends EditKind>(kind: K, text: string, edits: readonly EditsOfKind[K][]) {
  const result = applyEdits(kind, Buffer.from(text, 'latin1'), edits);
  if (result.kind === 'failed') throw new Error(`${result.code}: ${result.message}`);
  return { text: Buffer.from(result.bytes).toString('latin1'), undo: result.undo };
}

function revert(kind: EditKind, text: string, undo: Parameters<typeof revertEdits>[2]) {
  const result = revertEdits(kind, Buffer.from(text, 'latin1'), undo);
  return result.kind === 'reverted'
    ? Buffer.from(result.bytes).toString('latin1')
    : { conflicts: result.conflicts, partial: Buffer.from(result.partial).toString('latin1') };
}

describe('a value that is no longer ours', () => {
  it('is a conflict; nothing of it is overwritten, and the rest could be taken back', () => {
    const { text, undo } = edit('properties', LOG4J_PROPERTIES, [
      { op: 'set', key: 'log4j.rootLogger', value: 'WARN' },
      { op: 'set', key: 'log4j.logger.org.example', value: 'DEBUG' },
    ]);
    const current = text.replace('rootLogger=WARN', 'rootLogger=ERROR');
    expect(revert('properties', current, undo)).toEqual({
      conflicts: [{ path: 'log4j.rootLogger', expected: 'WARN', found: 'ERROR' }],
      partial: LOG4J_PROPERTIES.replace('rootLogger=INFO, CONSOLE, FILE', 'rootLogger=ERROR'),
    });
  });

  it('is left without a conflict where someone has put the old value back', () => {
    const { undo } = edit('ini', SERVER_INI, [{ op: 'set', section: 'database', key: 'host', value: 'db' }]);
    expect(revert('ini', SERVER_INI, undo)).toBe(SERVER_INI);
  });

  it('is a conflict where its place is gone', () => {
    const { text, undo } = edit('xml', CARBON_XML, [{ op: 'setText', xpath: '//Offset', value: '5' }]);
    const current = text.replace('        <Offset>5</Offset>\n', '');
    expect(revert('xml', current, undo)).toMatchObject({
      conflicts: [{ path: '//Offset', found: '' }],
      partial: current,
    });
  });

  it('is never taken from a sibling that happens to hold our value', () => {
    const { text, undo } = edit('xml', AXIS2_XML, [
      { op: 'setText', xpath: "//transportReceiver[@name='http']/parameter", value: '1111' },
    ]);
    const current = text.replace('>1111<', '>2222<').replace('>9443<', '>1111<');
    expect(revert('xml', current, undo)).toMatchObject({ partial: current });
  });

  it.each<[EditKind, string, object]>([
    ['properties', LOG4J_PROPERTIES, { op: 'set', key: 'log4j.rootLogger', value: 'x' }],
    ['ini', SERVER_INI, { op: 'set', section: 'database', key: 'host', value: 'x' }],
    ['json', FEATURES_JSON, { op: 'set', pointer: '/features/statistics', value: 'x' }],
    ['yaml', DEPLOYMENT_YAML, { op: 'set', path: ['server', 'id'], value: 'x' }],
    ['xml', CARBON_XML, { op: 'setText', xpath: '//HostName', value: 'x' }],
  ])('is a conflict in %s', (kind, before, one) => {
    const { text, undo } = edit(kind, before, [one as never]);
    const current = text.replace(/((?:rootLogger=|host = |statistics": "|id: |<HostName>))x/, '$1y');
    expect(current).not.toBe(text);
    expect(revert(kind, current, undo)).toMatchObject({ conflicts: [{}], partial: current });
  });
});

describe('what was added', () => {
  it('goes where others added after it', () => {
    const { text, undo } = edit('json', FEATURES_JSON, [{ op: 'append', pointer: '/origins', value: 'ours' }]);
    const add = (from: string, last: string) => from.replace(`"${last}"\n`, `"${last}",\n        "theirs"\n`);
    expect(revert('json', add(text, 'ours'), undo)).toBe(add(FEATURES_JSON, 'https://example.org'));
  });

  it('goes where what it stood beside is gone', () => {
    const { text, undo } = edit('json', FEATURES_JSON, [{ op: 'append', pointer: '/origins', value: 'ours' }]);
    const current = text.replace(/ +"https:.*",\n/g, '');
    expect(current).toContain('"origins": [\n        "ours"\n    ]');
    expect(revert('json', current, undo)).toBe(FEATURES_JSON.replace(/"origins": \[[^\]]*\]/, '"origins": []'));
  });

  it('is a conflict where it was changed, and nothing where it is gone', () => {
    const { text, undo } = edit('xml', CARBON_XML, [
      { op: 'insertChild', xpath: '//ServerRoles', fragment: '<Role>ours</Role>' },
    ]);
    const changed = text.replace('ours', 'theirs');
    expect(revert('xml', changed, undo)).toMatchObject({
      conflicts: [{ expected: '<Role>ours</Role>' }],
      partial: changed,
    });
    expect(revert('xml', CARBON_XML, undo)).toBe(CARBON_XML);
  });

  it('stays as an empty container that others use now', () => {
    const { text, undo } = edit('ini', SERVER_INI, [{ op: 'set', section: 'ours', key: 'a', value: '1' }]);
    expect(revert('ini', text, undo)).toBe(SERVER_INI);
    expect(revert('ini', `${text}b: 2\n`, undo)).toBe(`${SERVER_INI}[ours]\nb: 2\n`);
  });

  it('is told from an equal one that was there before', () => {
    const before = '<a>\n  <b><r>1</r></b>\n  <c/>\n</a>\n';
    const { text, undo } = edit('xml', before, [{ op: 'insertChild', xpath: '/a/c', fragment: '<r>1</r>' }]);
    expect(revert('xml', text.replace('<c>', '<c k="v">'), undo)).toBe(before.replace('<c/>', '<c k="v"/>'));
  });
});

describe('what was removed', () => {
  it('comes back between its neighbours, wherever they are now', () => {
    const { text, undo } = edit('xml', AXIS2_XML, [{ op: 'removeNode', xpath: "//phase[@name='Security']" }]);
    const move = (from: string) =>
      from.replace(
        '<axisconfig name="TestServer">',
        '<!-- a -->\n<axisconfig name="TestServer">\n    <phaseOrder type="OutFlow">\n        <phase name="Transport"/>\n        <phase name="Dispatch"/>\n    </phaseOrder>',
      );
    expect(revert('xml', move(text), undo)).toBe(move(AXIS2_XML));
  });

  it('comes back where a neighbour is gone', () => {
    const { text, undo } = edit('json', FEATURES_JSON, [{ op: 'remove', pointer: '/features/tracing' }]);
    const without = (from: string) => from.replace(/(,?)( \/\/ costs time)?\n +"limits".*\n/, '$2\n');
    expect(JSON.parse((revert('json', without(text), undo) as string).replace(/\/\/ .*/g, ''))).toEqual({
      ...JSON.parse(FEATURES_JSON.replace(/\/\/ .*/g, '')),
      features: { statistics: true, tracing: false },
    });
  });

  it('is a conflict where someone has given the key another value', () => {
    const { text, undo } = edit('properties', LOG4J_PROPERTIES, [{ op: 'remove', key: 'log4j.logger.org.example' }]);
    const current = `${text}log4j.logger.org.example=WARN\n`;
    expect(revert('properties', current, undo)).toEqual({
      conflicts: [{ path: 'log4j.logger.org.example', expected: '', found: 'log4j.logger.org.example=WARN' }],
      partial: current,
    });
  });

  it('is left where someone has put it back', () => {
    const { undo } = edit('yaml', DEPLOYMENT_YAML, [{ op: 'remove', path: ['server', 'ports'] }]);
    expect(revert('yaml', DEPLOYMENT_YAML, undo)).toBe(DEPLOYMENT_YAML);
  });

  it('is a conflict where its container is gone', () => {
    const { text, undo } = edit('yaml', DEPLOYMENT_YAML, [{ op: 'remove', path: ['transports', 1, 'port'] }]);
    const current = text.replace(/ {2}- id: https[^]*?(?=truststore)/, '').replace('<<: *keys', 'none: 1');
    expect(revert('yaml', current, undo)).toMatchObject({
      conflicts: [{ path: '/transports[1]/port' }],
      partial: current,
    });
  });
});

describe('a file that cannot be read any more', () => {
  it.each<[EditKind, string, object, string]>([
    ['json', FEATURES_JSON, { op: 'remove', pointer: '/empty' }, '{'],
    ['yaml', DEPLOYMENT_YAML, { op: 'remove', path: ['unset'] }, 'a: [\n'],
    ['xml', CARBON_XML, { op: 'removeNode', xpath: '//JMX' }, '<Server>'],
  ])('is a conflict of the whole file (%s)', (kind, before, one, current) => {
    const { undo } = edit(kind, before, [one as never]);
    expect(revert(kind, current, undo)).toMatchObject({ conflicts: [{ path: '' }], partial: current });
  });
});

it('keeps the encoding that the file has now', () => {
  const before = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<a><b>\xe9</b></a>\n';
  const { text, undo } = edit('xml', before, [{ op: 'setText', xpath: '/a/b', value: '\xfc' }]);
  expect(text).toContain('<b>\xfc</b>');
  const asUtf8 = Buffer.from(text.replace('ISO-8859-1', 'UTF-8'), 'utf8');
  const back = revertEdits('xml', asUtf8, undo);
  expect(back.kind === 'reverted' && Buffer.from(back.bytes).toString('utf8')).toBe(
    before.replace('ISO-8859-1', 'UTF-8'),
  );
});
