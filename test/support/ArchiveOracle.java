import java.io.BufferedReader;
import java.io.File;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.jar.JarFile;
import java.util.zip.CRC32;

/**
 * What Java sees in archives: one path a line on stdin, one line each on stdout: `ok` and the entries, sorted, each as the
 * hex of its name in UTF-8, its size and the CRC of the bytes that were read, or `bad` and the error.
 */
public final class ArchiveOracle {
    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String path = in.readLine(); path != null; path = in.readLine()) {
            out.println(read(path));
        }
        out.flush();
    }

    private static String read(String path) {
        var entries = new ArrayList<String>();
        byte[] piece = new byte[65536];
        try (JarFile jar = new JarFile(new File(path))) {
            for (var each = jar.entries(); each.hasMoreElements(); ) {
                var entry = each.nextElement();
                // Asked for by name, as whoever looks for a class or a file does.
                var found = jar.getEntry(entry.getName());
                var crc = new CRC32();
                long size = 0;
                try (InputStream stream = jar.getInputStream(found)) {
                    for (int count = stream.read(piece); count != -1; count = stream.read(piece)) {
                        crc.update(piece, 0, count);
                        size += count;
                    }
                }
                String name = HexFormat.of().formatHex(entry.getName().getBytes(StandardCharsets.UTF_8));
                entries.add(name + ":" + size + ":" + Long.toHexString(crc.getValue()));
            }
        } catch (Exception | OutOfMemoryError error) {
            return "bad\t" + String.valueOf(error).replace('\t', ' ').replace('\n', ' ');
        }
        Collections.sort(entries);
        return "ok\t" + String.join(" ", entries);
    }
}
