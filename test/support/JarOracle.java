import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.jar.JarFile;
import java.util.jar.Manifest;

/**
 * What Java says of JARs: one path a line on stdin, one line each on stdout, fields separated by tabs: `ok` or `bad`,
 * then for `ok` the Bundle-SymbolicName and the Bundle-Version as `=` and the hex of their UTF-16, or `-`; for `bad` the error.
 */
public final class JarOracle {
    public static void main(String[] args) throws Exception {
        // Java warns of duplicate attributes on stderr, where nobody reads it.
        java.util.logging.LogManager.getLogManager().reset();
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String path = in.readLine(); path != null; path = in.readLine()) {
            out.println(read(path));
        }
        out.flush();
    }

    private static String read(String path) {
        try (JarFile jar = new JarFile(new File(path))) {
            Manifest manifest = jar.getManifest();
            if (manifest == null) return "ok\t-\t-";
            var main = manifest.getMainAttributes();
            return "ok\t" + hex(main.getValue("Bundle-SymbolicName")) + "\t" + hex(main.getValue("Bundle-Version"));
        } catch (Exception | OutOfMemoryError error) {
            return "bad\t" + String.valueOf(error).replace('\t', ' ').replace('\n', ' ');
        }
    }

    private static String hex(String value) {
        if (value == null) return "-";
        var text = new StringBuilder("=");
        for (int at = 0; at < value.length(); at++) text.append(String.format("%04x", (int) value.charAt(at)));
        return text.toString();
    }
}
