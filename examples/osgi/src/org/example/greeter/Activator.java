package org.example.greeter;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;

/** Says on standard output which build of the bundle the framework has really loaded; with greeter.once stops it then. */
public final class Activator implements BundleActivator {
  @Override
  public void start(BundleContext context) throws IOException {
    try (InputStream greeting = Activator.class.getResourceAsStream("greeting.txt")) {
      String text = new String(greeting.readAllBytes(), StandardCharsets.UTF_8).strip();
      System.out.println("greeter " + context.getBundle().getVersion() + ": " + text);
    }
    if (Boolean.getBoolean("greeter.once")) {
      context.addFrameworkListener(event -> stopWhenStarted(context, event));
    }
  }

  private static void stopWhenStarted(BundleContext context, FrameworkEvent event) {
    if (event.getType() != FrameworkEvent.STARTLEVEL_CHANGED) {
      return;
    }
    try {
      context.getBundle(0).stop();
    } catch (BundleException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void stop(BundleContext context) {}
}
