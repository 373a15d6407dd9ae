"""The layering check finds what it is there to find."""
import unittest

import layering


class Layering(unittest.TestCase):
    def problems(self, path, text):
        return list(layering.check_file(path, text))

    def test_allows_what_the_design_allows(self):
        self.assertEqual(self.problems("daemon/jobs/a.cc", '#include "daemon/sampling/spool.h"\n'), [])
        self.assertEqual(self.problems("client/commands/a.cc", '#include "client/net/b.h"\n'), [])
        self.assertEqual(self.problems("client/store/a.cc", "#include <sqlite3.h>\n"), [])
        self.assertEqual(
            self.problems("client/models/a.cc", "#include <caffe2/proto/caffe2.pb.h>\n"), [])

    def test_refuses_the_wrong_direction(self):
        for path, included in [
            ("common/a.cc", "daemon/power/board.h"),
            ("daemon/power/a.cc", "daemon/sampling/spool.h"),
            ("daemon/sampling/a.cc", "daemon/jobs/runner.h"),
            ("daemon/worker/a.cc", "daemon/jobs/runner.h"),
            ("daemon/main.cc", "client/net/b.h"),
            ("client/main.cc", "daemon/daemon.h"),
            ("client/analysis/a.cc", "client/store/store.h"),
            ("client/net/a.cc", "client/commands/run.h"),
        ]:
            with self.subTest(path=path, included=included):
                self.assertEqual(len(self.problems(path, f'#include "{included}"\n')), 1)

    def test_confines_headers_to_their_room(self):
        for path, included in [
            ("daemon/jobs/a.cc", "synergy/v1/device.grpc.pb.h"),
            ("daemon/jobs/a.cc", "grpcpp/grpcpp.h"),
            ("client/commands/a.cc", "sqlite3.h"),
            ("client/models/a.cc", "caffe2/core/net.h"),
            ("daemon/jobs/a.cc", "caffe2/proto/caffe2.pb.h"),
            ("client/analysis/a.cc", "client/store/truth_store.h"),
        ]:
            with self.subTest(path=path, included=included):
                self.assertTrue(self.problems(path, f"#include <{included}>\n"))

    def test_keeps_truth_from_analysis(self):
        self.assertTrue(self.problems("common/attribution/a.cc", "v1::RunTruth truth;"))
        self.assertEqual(self.problems("client/commands/show.cc", "v1::RunTruth truth;"), [])

    def test_knows_bad_names_and_missing_guards(self):
        self.assertTrue(self.problems("common/file_utils.cc", ""))
        self.assertEqual(self.problems("common/simple_net.cc", ""), [])
        self.assertTrue(self.problems("common/a.h", "int x;"))


if __name__ == "__main__":
    unittest.main()
