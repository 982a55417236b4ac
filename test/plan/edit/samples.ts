// Configuration files in the shape of a plugin server's, for the tests of edits.

export const CARBON_XML = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- What this server is. -->
<Server xmlns="http://wso2.org/projects/carbon/carbon.xml">
    <Name>Test Server</Name>
    <HostName>localhost</HostName>
    <ServerRoles>
        <Role>\${default.server.role}</Role>
    </ServerRoles>
    <Ports>
        <!-- Added to every port. -->
        <Offset>0</Offset>
        <JMX>
            <RMIRegistryPort>9999</RMIRegistryPort>
            <RMIServerPort>11111</RMIServerPort>
        </JMX>
    </Ports>
    <Security>
        <KeyStore>
            <Location>\${carbon.home}/server.jks</Location>
            <Type>JKS</Type>
        </KeyStore>
        <KeyStore>
            <Location>\${carbon.home}/trust.jks</Location>
            <Type>JKS</Type>
        </KeyStore>
    </Security>
    <HideMenuItemIds></HideMenuItemIds>
</Server>
`;

export const AXIS2_XML = `<axisconfig name="TestServer">
    <parameter name="hotdeployment">true</parameter>
    <parameter name="hotupdate" locked="false">false</parameter>

    <!-- Transports in -->
    <transportReceiver name="http" class="org.example.Http">
        <parameter name="port">9763</parameter>
    </transportReceiver>
    <transportReceiver name="https" class="org.example.Https">
        <parameter name="port">9443</parameter>
    </transportReceiver>
    <phaseOrder type="InFlow">
        <phase name="Transport"/>
        <phase name="Security"/>
        <phase name="Dispatch"/>
    </phaseOrder>
</axisconfig>
`;

export const LOG4J_PROPERTIES = `# Levels and places.
log4j.rootLogger=INFO, CONSOLE, FILE
log4j.logger.org.example=INFO

log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender

log4j.appender.FILE = org.apache.log4j.DailyRollingFileAppender
log4j.appender.FILE.File : \${carbon.home}/logs/server.log
! a long value goes on in the next line
log4j.appender.FILE.layout.ConversionPattern=TID: [%d] %5p {%c} - \\
    %x %m {%c}%n
# the end
`;

export const SERVER_INI = `; before every section
level = info

[database]
host = localhost
port = 5432   ; the default
# the next one is a flag
readonly

[cache]
size: 100
`;

export const FEATURES_JSON = `{
    // switches
    "features": {
        "statistics": true,
        "tracing": false, // costs time
        "limits": { "connections": 500, "requestsPerSecond": 250.0 }
    },
    "origins": [
        "https://localhost:9443",
        "https://example.org"
    ],
    "nodes": [{ "id": "a", "port": 1 }, { "id": "b", "port": 2 }],
    "empty": {}
}
`;

export const DEPLOYMENT_YAML = `# How this node is deployed.
server:
  id: test-server
  name: "Test Server"
  ports:
    offset: 0   # added to every port
    jmx: 9999
transports:
  - id: http
    port: 9763
  - id: https
    port: 9443
    keystore: &keys
      path: security/server.jks
      type: JKS
truststore:
  <<: *keys
roles: [admin, 'everyone']
banner: |
  Welcome.
  Authorised use only.
unset:
`;
