import java.io.File;
import java.util.List;

/**
 * What a stranger submits to an open Flink in the test: no job, only a main()
 * that hands its argument to a shell, as the jar of the incident did. Flink runs
 * it in the JobManager, so that what it starts are children of that JVM.
 */
public final class Submitted {
  public static void main(String[] arguments) throws Exception {
    File nothing = new File("/dev/null");
    new ProcessBuilder(List.of("sh", "-c", arguments[0]))
        .redirectInput(nothing)
        .redirectOutput(nothing)
        .redirectError(nothing)
        .start();
  }

  private Submitted() {}
}
