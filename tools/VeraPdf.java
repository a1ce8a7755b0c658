import java.io.FileInputStream;
import java.io.InputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.ValidationResult;

/**
 * Holds PDFs to PDF/A and PDF/UA by veraPDF's validation library: `VeraPdf FLAVOUR FILE [FLAVOUR FILE ...]`.
 *
 * Prints one line a pair, in their order: `ok` or the rules that are broken, `CLAUSE/TEST xTIMES`, separated by commas.
 */
public final class VeraPdf {
    public static void main(String[] pairs) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (int i = 0; i + 1 < pairs.length; i += 2) {
            System.out.println(verdict(PDFAFlavour.byFlavourId(pairs[i]), pairs[i + 1]));
        }
    }

    private static String verdict(PDFAFlavour flavour, String file) throws Exception {
        try (InputStream stream = new FileInputStream(file);
                PDFAParser parser = Foundries.defaultInstance().createParser(stream, flavour, flavour)) {
            ValidationResult result = Foundries.defaultInstance().createValidator(flavour, false).validate(parser);
            if (result.isCompliant()) {
                return "ok";
            }
            StringBuilder broken = new StringBuilder();
            result.getFailedChecks().forEach((rule, times) -> broken.append(broken.length() == 0 ? "" : ", ")
                    .append(rule.getClause()).append('/').append(rule.getTestNumber()).append(" x").append(times));
            return broken.length() == 0 ? "not compliant" : broken.toString();
        }
    }
}
