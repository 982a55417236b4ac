// Each edit of each format on files in the shape of a server's: the lines that change, and the refusals by their code.
/* eslint-disable no-template-curly-in-string -- servers' files have ${...} in them */
import { describe, expect, it } from 'vitest';
import { applyEdits, EDIT_LIMIT_BYTES, type EditKind, revertEdits } from '../../../src/plan/edit/edit-file.js';
import { AXIS2_XML, CARBON_XML, DEPLOYMENT_YAML, FEATURES_JSON, LOG4J_PROPERTIES, SERVER_INI } from './samples.js';

const CARBON = { c: 'http://wso2.org/projects/carbon/carbon.xml' };

function run(kind: EditKind, text: string, ...edits: readonly object[]): string | { code: string; editIndex: number } {
  const result = applyEdits(kind, Buffer.from(text), edits as never[]);
  if (result.kind === 'failed') return { code: result.code, editIndex: result.editIndex };
  const back = revertEdits(kind, result.bytes, result.undo);
  expect(back.kind === 'reverted' ? Buffer.from(back.bytes).toString() : back).toBe(text);
  return Buffer.from(result.bytes).toString();
}

type Case = readonly [what: string, edit: object, from: string, to: string];

/** Each case: in the sample, the first occurrence of `from` becomes `to`, and nothing else changes. */
function changes(kind: EditKind, sample: string, cases: readonly Case[]) {
  it.each(cases)('%s', (_, edit, from, to) => {
    expect(sample).toContain(from);
    expect(run(kind, sample, edit)).toBe(sample.replace(from, () => to));
    const crlf = (text: string) => text.replaceAll('\n', '\r\n');
    expect(run(kind, crlf(sample), edit)).toBe(crlf(sample.replace(from, () => to)));
  });
}

function refusals(
  kind: EditKind,
  cases: readonly (readonly [what: string, text: string, edit: object, code: string])[],
) {
  it.each(cases)('refuses %s', (_, text, edit, code) => {
    expect(run(kind, text, edit)).toEqual({ code, editIndex: 0 });
  });
}

describe('properties', () => {
  changes('properties', LOG4J_PROPERTIES, [
    ['sets a value', { op: 'set', key: 'log4j.rootLogger', value: 'WARN, X' }, '=INFO, CONSOLE, FILE', '=WARN, X'],
    [
      'keeps a separator',
      { op: 'set', key: 'log4j.appender.FILE.File', value: 'x' },
      ' : ${carbon.home}/logs/server.log',
      ' : x',
    ],
    [
      'replaces a continued value',
      { op: 'set', key: 'log4j.appender.FILE.layout.ConversionPattern', value: '%m' },
      '=TID: [%d] %5p {%c} - \\\n    %x %m {%c}%n',
      '=%m',
    ],
    [
      'knows a continued value',
      { op: 'set', key: 'log4j.appender.FILE.layout.ConversionPattern', value: 'TID: [%d] %5p {%c} - %x %m {%c}%n' },
      '=TID',
      '=TID',
    ],
    [
      'removes a continued value',
      { op: 'remove', key: 'log4j.appender.FILE.layout.ConversionPattern' },
      'log4j.appender.FILE.layout.ConversionPattern=TID: [%d] %5p {%c} - \\\n    %x %m {%c}%n\n',
      '',
    ],
    [
      'adds at the end',
      { op: 'set', key: 'new key', value: ' ü\\' },
      '# the end\n',
      '# the end\nnew\\ key=\\ \\u00FC\\\\\n',
    ],
    [
      'adds after a key',
      { op: 'set', key: 'x', value: 'y', after: 'log4j.rootLogger' },
      'CONSOLE, FILE\n',
      'CONSOLE, FILE\nx=y\n',
    ],
    ['leaves what is absent', { op: 'remove', key: 'absent' }, '#', '#'],
  ]);
  refusals('properties', [
    [
      'a key to add after that is not there',
      LOG4J_PROPERTIES,
      { op: 'set', key: 'a', value: 'b', after: 'absent' },
      'not-found',
    ],
    ['a malformed escape', 'a=\\u12\n', { op: 'set', key: 'b', value: '' }, 'malformed'],
    ['to add behind an open continuation', 'a=b\\', { op: 'set', key: 'c', value: 'd' }, 'unsupported'],
    ['a flag before an open continuation', 'b\\', { op: 'set', key: 'b', value: 'c' }, 'unsupported'],
    ['an edit of another format', 'a=b', { op: 'append', key: 'a', value: 'c' }, 'unsupported'],
  ]);

  it('sets the last of duplicates, which Java reads, and removes them all', () => {
    const text = 'a=1\n# between\na : 2\nb\n';
    expect(run('properties', text, { op: 'set', key: 'a', value: '3' })).toBe('a=1\n# between\na : 3\nb\n');
    expect(run('properties', text, { op: 'remove', key: 'a' })).toBe('# between\nb\n');
    expect(run('properties', text, { op: 'set', key: 'b', value: 'c' })).toBe('a=1\n# between\na : 2\nb=c\n');
  });

  it('reads keys with escapes and any line end as Java does', () => {
    const text = 'a\\=b\\u0063 = 1\rd\\\n   e 2\r\n';
    expect(
      run('properties', text, { op: 'set', key: 'a=bc', value: '=x' }, { op: 'set', key: 'de', value: ':y' }),
    ).toBe('a\\=b\\u0063 = \\=x\rd\\\n   e \\:y\r\n');
  });
});

describe('ini', () => {
  changes('ini', SERVER_INI, [
    ['sets before the first section', { op: 'set', section: '', key: 'level', value: 'debug' }, '= info', '= debug'],
    ['keeps a comment after a value', { op: 'set', section: 'database', key: 'port', value: '1' }, '= 5432 ', '= 1 '],
    [
      'gives a flag a value',
      { op: 'set', section: 'database', key: 'readonly', value: 'yes' },
      'readonly',
      'readonly=yes',
    ],
    [
      'adds a key',
      { op: 'set', section: 'database', key: 'new', value: '"a ; b"' },
      'readonly\n',
      'readonly\nnew = "a ; b"\n',
    ],
    [
      'adds a section for a key',
      { op: 'set', section: 'new', key: 'a', value: 'b' },
      'size: 100\n',
      'size: 100\n[new]\na: b\n',
    ],
    ['adds a section', { op: 'addSection', section: 'new' }, 'size: 100\n', 'size: 100\n[new]\n'],
    ['knows a section', { op: 'addSection', section: 'cache' }, 'size', 'size'],
    [
      'removes a key and its comment',
      { op: 'remove', section: 'database', key: 'port' },
      'port = 5432   ; the default\n',
      '',
    ],
  ]);
  refusals('ini', [
    ['a header that does not end', '[a\n', { op: 'addSection', section: 'b' }, 'malformed'],
    [
      'a value that would be read as a comment',
      SERVER_INI,
      { op: 'set', section: 'a', key: 'b', value: 'c ; d' },
      'unsupported',
    ],
    ['a value of two lines', SERVER_INI, { op: 'set', section: 'a', key: 'b', value: 'c\nd' }, 'unsupported'],
    ['a key with a separator', SERVER_INI, { op: 'set', section: 'cache', key: 'b=c', value: 'd' }, 'unsupported'],
  ]);

  it('writes ISO-8859-1 where the file is no UTF-8', () => {
    const latin = applyEdits('ini', Buffer.from('a=\xe9\n', 'latin1'), [
      { op: 'set', section: '', key: 'b', value: 'ü' },
    ]);
    expect(latin.kind === 'edited' && Buffer.from(latin.bytes).toString('latin1')).toBe('a=\xe9\nb=\xfc\n');
    expect(
      applyEdits('ini', Buffer.from('a=\xe9\n', 'latin1'), [{ op: 'set', section: '', key: 'b', value: '€' }]),
    ).toMatchObject({ code: 'unsupported' });
    expect(run('ini', 'a=é\n', { op: 'set', section: '', key: 'b', value: '€' })).toBe('a=é\nb=€\n');
  });
});

describe('json', () => {
  changes('json', FEATURES_JSON, [
    ['sets a value', { op: 'set', pointer: '/features/tracing', value: true }, '"tracing": false', '"tracing": true'],
    [
      'sets in one line',
      { op: 'set', pointer: '/nodes/1/port', value: { a: [1] } },
      '"port": 2',
      '"port": {\n        "a": [\n            1\n        ]\n    }',
    ],
    [
      'adds a member',
      { op: 'set', pointer: '/features/a~1b', value: null },
      '250.0 }\n',
      '250.0 },\n        "a/b": null\n',
    ],
    [
      'adds a member in one line',
      { op: 'set', pointer: '/features/limits/x', value: [1, { y: 2 }] },
      '250.0 }',
      '250.0, "x": [1, { "y": 2 }] }',
    ],
    [
      'makes missing objects',
      { op: 'set', pointer: '/empty/a/b', value: 1 },
      '{}',
      '{\n        "a": {\n            "b": 1\n        }\n    }',
    ],
    ['appends', { op: 'append', pointer: '/origins', value: 'x' }, 'example.org"\n', 'example.org",\n        "x"\n'],
    ['appends with -', { op: 'set', pointer: '/nodes/-', value: 3 }, '"port": 2 }', '"port": 2 }, 3'],
    ['knows an equal item', { op: 'append', pointer: '/nodes', value: { port: 2, id: 'b' } }, '{', '{'],
    [
      'removes a line and its comment',
      { op: 'remove', pointer: '/features/tracing' },
      '        "tracing": false, // costs time\n',
      '',
    ],
    [
      'removes the last and its comma',
      { op: 'remove', pointer: '/features/limits' },
      'false, // costs time\n        "limits": { "connections": 500, "requestsPerSecond": 250.0 }',
      'false // costs time',
    ],
    ['removes in one line', { op: 'remove', pointer: '/nodes/0' }, '{ "id": "a", "port": 1 }, ', ''],
    [
      'removes an item by value',
      { op: 'removeItem', pointer: '/nodes', value: { id: 'b', port: 2 } },
      ', { "id": "b", "port": 2 }',
      '',
    ],
  ]);
  refusals('json', [
    ['what is no JSON', '{"a":}', { op: 'set', pointer: '/a', value: 1 }, 'malformed'],
    ['an empty file', '', { op: 'set', pointer: '/a', value: 1 }, 'malformed'],
    ['what is no pointer', '{}', { op: 'set', pointer: 'a', value: 1 }, 'unsupported'],
    ['a member of a number', '{"a":1}', { op: 'set', pointer: '/a/b', value: 1 }, 'type-mismatch'],
    ['to append to an object', '{"a":{}}', { op: 'append', pointer: '/a', value: 1 }, 'type-mismatch'],
    ['an item that is not there', '[1]', { op: 'set', pointer: '/5', value: 1 }, 'not-found'],
    ['a duplicate key', '{"a":1,"a":2}', { op: 'set', pointer: '/a', value: 3 }, 'ambiguous'],
    ['two equal items', '[1,1]', { op: 'removeItem', pointer: '', value: 1 }, 'ambiguous'],
    ['to remove everything', '{}', { op: 'remove', pointer: '' }, 'unsupported'],
    ['much nesting', `${'['.repeat(600)}${']'.repeat(600)}`, { op: 'append', pointer: '', value: 1 }, 'unsupported'],
    ['absurd nesting', '['.repeat(100_000), { op: 'append', pointer: '', value: 1 }, 'unsupported'],
  ]);

  it('refuses bytes that are no UTF-8', () => {
    const result = applyEdits('json', Buffer.from('{"a":"\xe9"}', 'latin1'), [{ op: 'set', pointer: '/a', value: 1 }]);
    expect(result).toMatchObject({ kind: 'failed', code: 'malformed' });
  });

  it('keeps a trailing comma and the comment that ends the last line', () => {
    expect(run('json', '{\n  "a": 1, // x\n}', { op: 'set', pointer: '/b', value: 2 })).toBe(
      '{\n  "a": 1, // x\n  "b": 2\n}',
    );
    expect(run('json', '{\n  "a": 1 // x\n}', { op: 'set', pointer: '/b', value: 2 })).toBe(
      '{\n  "a": 1, // x\n  "b": 2\n}',
    );
    expect(run('json', '\uFEFF{"a":1}', { op: 'set', pointer: '/b', value: 2 })).toBe('\uFEFF{"a":1, "b":2}');
  });
});

describe('yaml', () => {
  changes('yaml', DEPLOYMENT_YAML, [
    ['sets a plain scalar', { op: 'set', path: ['server', 'ports', 'offset'], value: 10 }, 'offset: 0 ', 'offset: 10 '],
    ['keeps quotes', { op: 'set', path: ['server', 'name'], value: 'a "b"' }, '"Test Server"', '"a \\"b\\""'],
    ['quotes what YAML 1.1 would misread', { op: 'set', path: ['server', 'id'], value: 'yes' }, 'test-server', '"yes"'],
    [
      'rewrites a block',
      { op: 'set', path: ['banner'], value: 'One.\nTwo.\n' },
      '  Welcome.\n  Authorised use only.\n',
      '  One.\n  Two.\n',
    ],
    ['gives an empty key a value', { op: 'set', path: ['unset'], value: [1] }, 'unset:', 'unset: [ 1 ]'],
    [
      'adds a key',
      { op: 'set', path: ['transports', 0, 'host'], value: 'a' },
      'port: 9763\n',
      'port: 9763\n    host: a\n',
    ],
    ['makes missing maps', { op: 'set', path: ['a', 'b'], value: 1 }, 'unset:\n', 'unset:\na:\n  b: 1\n'],
    ['appends in one line', { op: 'append', path: ['roles'], value: 'a, b' }, "'everyone']", '\'everyone\', "a, b"]'],
    [
      'appends a map',
      { op: 'append', path: ['transports'], value: { id: 'ws', port: 1 } },
      '      type: JKS\n',
      '      type: JKS\n  - id: ws\n    port: 1\n',
    ],
    [
      'removes a key',
      { op: 'remove', path: ['server', 'ports', 'offset'] },
      '    offset: 0   # added to every port\n',
      '',
    ],
    ['removes the first key of an item', { op: 'remove', path: ['transports', 0, 'id'] }, 'id: http\n    port', 'port'],
    ['removes an item', { op: 'remove', path: ['transports', 0] }, '  - id: http\n    port: 9763\n', ''],
    [
      'removes an item by value',
      { op: 'removeItem', path: ['roles'], value: 'admin' },
      "[admin, 'everyone']",
      "['everyone']",
    ],
    ['leaves an empty map', { op: 'remove', path: ['truststore', '<<'] }, 'truststore:\n  <<: *keys', 'truststore: {}'],
    ['replaces an alias', { op: 'set', path: ['truststore', '<<'], value: null }, '*keys', 'null'],
  ]);
  refusals('yaml', [
    ['a duplicate key', 'a: 1\na: 2\n', { op: 'set', path: ['a'], value: 1 }, 'malformed'],
    ['what is no YAML', 'a: [', { op: 'set', path: ['a'], value: 1 }, 'malformed'],
    [
      'to remove an anchor in use',
      DEPLOYMENT_YAML,
      { op: 'remove', path: ['transports', 1, 'keystore'] },
      'unsupported',
    ],
    ['to overwrite a map', DEPLOYMENT_YAML, { op: 'set', path: ['server'], value: 1 }, 'type-mismatch'],
    ['a path through an alias', 'a: &x {b: 1}\nc: *x\n', { op: 'set', path: ['c', 'b'], value: 2 }, 'unsupported'],
    ['a key in a scalar', 'a: 1\n', { op: 'set', path: ['a', 'b'], value: 2 }, 'type-mismatch'],
    ['an item that is not there', 'a: [1]\n', { op: 'set', path: ['a', 3], value: 2 }, 'not-found'],
    ['one of several documents', 'a: 1\n---\na: 2\n', { op: 'set', path: ['a'], value: 3 }, 'ambiguous'],
    ['a document that is not there', 'a: 1\n', { op: 'set', path: ['a'], value: 3, document: 1 }, 'not-found'],
    ['absurd nesting', `${'['.repeat(300)}${']'.repeat(300)}`, { op: 'append', path: [], value: 1 }, 'unsupported'],
  ]);

  it('edits one of several documents', () => {
    expect(run('yaml', 'a: 1\n---\na: 2\n...\n', { op: 'set', path: ['a'], value: 3, document: 1 })).toBe(
      'a: 1\n---\na: 3\n...\n',
    );
  });

  it('keeps an anchor where its scalar changes', () => {
    expect(run('yaml', 'a: &x !!str 1 # c\nb: *x\n', { op: 'set', path: ['a'], value: '2' })).toBe(
      'a: &x !!str "2" # c\nb: *x\n',
    );
  });
});

describe('xml', () => {
  changes('xml', CARBON_XML, [
    [
      'sets text by namespace',
      { op: 'setText', xpath: '/c:Server/c:Ports/c:Offset', value: '1 & €', namespaces: CARBON },
      '<Offset>0<',
      '<Offset>1 &amp; &#x20AC;<',
    ],
    [
      'sets text by local names',
      { op: 'setText', xpath: '/Server/Ports/Offset/text()', value: '1' },
      '<Offset>0<',
      '<Offset>1<',
    ],
    ['sets text of an empty element', { op: 'setText', xpath: '//HideMenuItemIds', value: 'x' }, 'Ids></', 'Ids>x</'],
    [
      'finds by the text of a child',
      { op: 'setText', xpath: "//KeyStore[Location='${carbon.home}/trust.jks']/Type", value: 'P' },
      'trust.jks</Location>\n            <Type>JKS',
      'trust.jks</Location>\n            <Type>P',
    ],
    [
      'finds by position',
      { op: 'removeNode', xpath: '/Server/Security/*[2]/Type' },
      'trust.jks</Location>\n            <Type>JKS</Type>\n',
      'trust.jks</Location>\n',
    ],
    [
      'adds an attribute',
      { op: 'setAttribute', xpath: '/Server', name: 'a', value: '"<\n' },
      'carbon.xml">',
      'carbon.xml" a="&quot;&lt;&#10;">',
    ],
    [
      'removes an element with its lines',
      { op: 'removeNode', xpath: '//JMX' },
      '        <JMX>\n            <RMIRegistryPort>9999</RMIRegistryPort>\n            <RMIServerPort>11111</RMIServerPort>\n        </JMX>\n',
      '',
    ],
    [
      'inserts as last',
      { op: 'insertChild', xpath: '//ServerRoles', fragment: '<Role>a</Role>' },
      '</Role>\n',
      '</Role>\n        <Role>a</Role>\n',
    ],
    [
      'inserts as first',
      { op: 'insertChild', xpath: '//ServerRoles', position: 'first', fragment: '<Role>a</Role>' },
      '<ServerRoles>\n',
      '<ServerRoles>\n        <Role>a</Role>\n',
    ],
    [
      'knows an equal child',
      {
        op: 'insertChild',
        xpath: '//Ports',
        fragment: '<JMX><RMIRegistryPort>9999</RMIRegistryPort><RMIServerPort>11111</RMIServerPort></JMX>',
      },
      '<',
      '<',
    ],
    [
      'inserts before',
      { op: 'insertChild', xpath: '//JMX', position: 'before', fragment: '<A>\n  <B/>\n</A>' },
      '        <JMX>',
      '        <A>\n          <B/>\n        </A>\n        <JMX>',
    ],
    [
      'replaces',
      { op: 'replaceNode', xpath: '//HostName', fragment: '<HostName a="b">x</HostName>' },
      '<HostName>localhost<',
      '<HostName a="b">x<',
    ],
  ]);
  changes('xml', AXIS2_XML, [
    ['sets an attribute', { op: 'setText', xpath: '//phase[2]/@name', value: 'x' }, '"Security"', '"x"'],
    ['removes an attribute', { op: 'removeNode', xpath: '//parameter/@locked' }, ' locked="false"', ''],
    [
      'opens an empty element',
      { op: 'insertChild', xpath: '//phase[last()]', fragment: '<h/>' },
      '<phase name="Dispatch"/>',
      '<phase name="Dispatch">\n            <h/>\n        </phase>',
    ],
    [
      'finds by an attribute',
      { op: 'setText', xpath: "//transportReceiver[@name='https']/parameter[@name='port']", value: '1' },
      '>9443<',
      '>1<',
    ],
  ]);
  refusals('xml', [
    ['a path to several', AXIS2_XML, { op: 'setText', xpath: '//phase', value: 'x' }, 'ambiguous'],
    ['a path to nothing', AXIS2_XML, { op: 'setText', xpath: '/nothing', value: 'x' }, 'not-found'],
    [
      'a name without its namespace',
      CARBON_XML,
      { op: 'setText', xpath: '/Server/HostName', value: 'x', namespaces: CARBON },
      'not-found',
    ],
    [
      'an unknown prefix',
      CARBON_XML,
      { op: 'setText', xpath: '/d:Server', value: 'x', namespaces: CARBON },
      'unsupported',
    ],
    ['other XPath', CARBON_XML, { op: 'removeNode', xpath: 'count(//a)' }, 'unsupported'],
    ['text over elements', CARBON_XML, { op: 'setText', xpath: '//Ports', value: 'x' }, 'type-mismatch'],
    ['text over a comment', '<a>x<!-- y --></a>', { op: 'setText', xpath: '/a', value: 'z' }, 'unsupported'],
    ['a child in text', '<a>x</a>', { op: 'insertChild', xpath: '/a', fragment: '<b/>' }, 'type-mismatch'],
    ['a control character', '<a>x</a>', { op: 'setText', xpath: '/a', value: '\0' }, 'unsupported'],
    ['a fragment of two elements', '<a/>', { op: 'insertChild', xpath: '/a', fragment: '<b/><c/>' }, 'malformed'],
    ['to remove the root', '<a/>', { op: 'removeNode', xpath: '/a' }, 'unsupported'],
    ['an entity that is not declared', '<a>&b;</a>', { op: 'setText', xpath: '/a', value: '' }, 'malformed'],
    ['a bare ampersand', '<a>b & c</a>', { op: 'setText', xpath: '/a', value: '' }, 'malformed'],
    ['an unquoted attribute', '<a b=c/>', { op: 'setText', xpath: '/a', value: '' }, 'malformed'],
    ['UTF-16', '<\0a\0/\0>\0', { op: 'setText', xpath: '/a', value: '' }, 'unsupported'],
    [
      'an unknown encoding',
      '<?xml version="1.0" encoding="EBCDIC"?><a/>',
      { op: 'setText', xpath: '/a', value: '' },
      'unsupported',
    ],
    [
      'absurd nesting',
      `${'<a>'.repeat(1_000)}${'</a>'.repeat(1_000)}`,
      { op: 'setText', xpath: '/a', value: '' },
      'unsupported',
    ],
  ]);

  it('never expands entities, and keeps the DOCTYPE', () => {
    const text = '<!DOCTYPE a [<!ENTITY e "x>]"><!-- "]> -->]>\n<a><b>&e;</b><c>1</c></a>';
    expect(run('xml', text, { op: 'setText', xpath: '/a/c', value: '2' })).toBe(text.replace('<c>1', '<c>2'));
    expect(run('xml', text, { op: 'removeNode', xpath: "/a/b[.='x>]']" })).toBe(text);
  });

  it('keeps CDATA, and compares text as a parser reads it', () => {
    expect(run('xml', '<a><![CDATA[<x>]]></a>', { op: 'setText', xpath: '/a', value: '<y>' })).toBe(
      '<a><![CDATA[<y>]]></a>',
    );
    expect(run('xml', '<a>&lt;&#120;&gt;</a>', { op: 'setText', xpath: '/a', value: '<x>' })).toBe(
      '<a>&lt;&#120;&gt;</a>',
    );
  });
});

describe('any file', () => {
  it('says which edit failed, and changes nothing', () => {
    expect(run('ini', SERVER_INI, { op: 'addSection', section: 'a' }, { op: 'addSection', section: ']' })).toEqual({
      code: 'unsupported',
      editIndex: 1,
    });
  });

  it('is refused above the limit', () => {
    const bytes = Buffer.alloc(EDIT_LIMIT_BYTES + 1, '#');
    expect(applyEdits('properties', bytes, [{ op: 'set', key: 'a', value: 'b' }])).toMatchObject({
      code: 'unsupported',
    });
    expect(applyEdits('properties', bytes.subarray(1), [{ op: 'set', key: 'a', value: 'b' }])).toMatchObject({
      code: 'unsupported',
    });
    expect(applyEdits('properties', bytes.subarray(10), [{ op: 'set', key: 'a', value: 'b' }]).kind).toBe('edited');
  });
});
