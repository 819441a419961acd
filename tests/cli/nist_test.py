"""All 54 NIST StRD runs through the command line reach four correct digits with default options."""

import harness
from harness import CliTest

NAMES = ("Misra1a Chwirut2 Chwirut1 Lanczos3 Gauss1 Gauss2 DanWood Misra1b Kirby2 Hahn1 Nelson "
         "MGH17 Lanczos1 Lanczos2 Gauss3 Misra1c Misra1d Roszman1 ENSO MGH09 Thurber BoxBOD "
         "Rat42 MGH10 Eckerle4 Rat43 Bennett5").split()


class Nist(CliTest):
    def test_four_digits_from_both_starts(self):
        self.assertEqual(len(NAMES), 27)
        for name in NAMES:
            for start in (1, 2):
                with self.subTest(name=name, start=start):
                    ran = self.run_in_folder("solve", f"nist:{name}", "--start", start, "--out",
                                             f"{name}{start}", "--json")
                    self.assert_exit(ran, 0)
                    solution = ran.json()["solution"]
                    self.assertGreaterEqual(solution["digits"], 4)


if __name__ == "__main__":
    harness.main()
